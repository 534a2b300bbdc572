"""Random nets, hostile inputs, killed processes and many threads against the laws that hold for all of them.

    python -m tests.fuzz nets --minutes 1                   random nets: values, derivatives, rolling, formulas, counts
    python -m tests.fuzz readers --seconds 30 --seed 7      mutated expressions, tables, parameter files and nets as JSON
    python -m tests.fuzz kills --count 100                  processes that are killed while they write files
    python -m tests.fuzz threads                            threads and processes that compile and compute the same at once
    python -m tests.fuzz compiles --count 2000              different nets compiled to machine code, in one process
    python -m tests.fuzz --seconds 60                       nets
    python -m tests.fuzz readers --figures figures.json     the figures of this run are added to those in the file

The seed is printed first. What breaks a law is made smaller and printed with the seed that draws it, and the exit code is 1.

    figures    numbers of what was tried, added up over runs in a file
    nets       random nets and their laws
    readers    mutated inputs of every reader
    kills      killed processes
    threads    threads and processes
    compiles   many nets compiled to machine code
"""
