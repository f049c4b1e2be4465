"""The science: parameters, columns, rules, kernels, processes, population."""
