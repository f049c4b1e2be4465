"""Arrow schemas of the tables in a run directory."""

from __future__ import annotations

import pyarrow as pa

READINGS_SCHEMA = pa.schema(
    [
        ("step", pa.int32()),
        ("name", pa.string()),
        ("agent", pa.int32()),
        ("value", pa.float64()),
    ]
)

TIES_SCHEMA = pa.schema(
    {
        **{"owner": pa.int32(), "neighbour": pa.int32()},
        **{"closeness": pa.float32(), "returned": pa.float32(), "kind": pa.uint8()},
    }
)
PEOPLE_SCHEMA = pa.schema({"agent": pa.int32(), "label": pa.string()})
SERIES_SCHEMA = pa.schema({"step": pa.int32()})

EVENTS_SCHEMA = pa.schema(
    [
        ("kind", pa.string()),
        ("step", pa.int32()),
        ("detected", pa.int32()),
        ("members", pa.list_(pa.int32())),
        ("size", pa.int32()),
        ("strength", pa.float64()),
        ("evidence", pa.string()),
        ("p_value", pa.float64()),
        ("false_alarms", pa.float64()),
        ("after_intervention", pa.bool_()),
    ]
)
TALKS_SCHEMA = pa.schema(
    [
        ("step", pa.int32()),
        ("kind", pa.string()),
        ("agent", pa.int32()),
        ("other", pa.int32()),
        ("said", pa.string()),
        ("act", pa.string()),
        ("speaker", pa.string()),
        ("listener", pa.string()),
    ]
)
CALLS_SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("kind", pa.string()),
        ("step", pa.int32()),
        ("agent", pa.int32()),
        ("other", pa.int32()),
        ("draw", pa.int32()),
        ("schema", pa.string()),
        ("max_tokens", pa.int32()),
        ("messages", pa.string()),
        ("text", pa.string()),
        ("failure", pa.string()),
        ("attempts", pa.int32()),
        ("prompt_tokens", pa.int32()),
        ("completion_tokens", pa.int32()),
    ]
)
MEMORIES_SCHEMA = pa.schema(
    [
        ("agent", pa.int32()),
        ("other", pa.int32()),
        ("step", pa.int32()),
        ("speaker", pa.string()),
        ("said", pa.string()),
        ("summary", pa.string()),
    ]
)
