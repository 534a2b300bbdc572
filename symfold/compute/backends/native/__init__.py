"""The native backend: a net of known shapes becomes machine code by LLVM, loops over the depth and all."""
