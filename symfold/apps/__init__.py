"""Apps: what is built from the packages below, for a task of a person's own.

data            tables of numbers from CSV
regression      a net for a table, and what it is compared with
saved           models on disk
experiments/    measurements over seeds
report/         two nets compared: a table, a page
command/        the shell command
"""
