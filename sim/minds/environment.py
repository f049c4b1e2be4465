"""Proxies and certificates that the environment names, and cannot be used."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from typing import ParamSpec, TypeVar

from sim.utils.errors import InputError

CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
PROXIES = ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY")

Given = ParamSpec("Given")
Made = TypeVar("Made")


def naming_variables(make: Callable[Given, Made]) -> Callable[Given, Made]:
    """Decorate what makes a client: InputError names the variable that stops it."""

    @functools.wraps(make)
    def made(*args: Given.args, **keywords: Given.kwargs) -> Made:
        try:
            return make(*args, **keywords)
        except InputError:
            raise
        except OSError as error:
            raise InputError(
                f"the certificates of {_named(CERTIFICATES)} cannot be read "
                f"({error.strerror or error}); name others, or unset it"
            ) from None
        except (ImportError, ValueError) as error:
            why = str(error).partition(". ")[0].removesuffix(".")
            raise InputError(
                f"the proxy of {_named(PROXIES)} cannot be used: {why}; name another, "
                "or unset it"
            ) from None

    return made


def _named(names: Sequence[str]) -> str:
    """Return which variables are set, and to what, without user and password."""
    found = {n: os.environ.get(n) or os.environ.get(n.lower()) for n in names}
    said = [f"{n}={v.rpartition('@')[2]}" for n, v in found.items() if v]
    return ", ".join(said) or "the environment"
