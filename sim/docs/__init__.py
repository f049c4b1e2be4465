"""Documents of the project, and the program that fills their tables."""
