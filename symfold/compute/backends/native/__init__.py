"""Native code: a net of known shapes becomes machine code by LLVM, loops over the depth included.

arrays         a base, a shape and strides; most arrangements are views
axes, batch    which axis of a value runs over the samples
formats        number types: bits, bounds, polynomial coefficients
instructions   LLVM registers, loads and stores
code           loops around instructions, and how threads divide them
functions      elementwise functions as vector code, one row each
layout         which way arrays lie
loop_fusion    what follows a fold entry by entry, done inside its steps
loops, copies  elementwise loops, sums over axes; arrays copied
machine        LLVM text compiled for this processor, and its cache
products       matrix products as tiles
rewriting      what is rewritten before code is written
threads        the same code called by several threads
writer         a program being written: code, memory, layout
folds          folds as loops over memory
matrices, contractions, maxima, picking, windows, primitives   code for primitives
body           a block as code
rules          what native code exists for
written        a net as the text of a module
program        a net as a compiled program
training       training steps in one call
row          the row of the backend
"""
