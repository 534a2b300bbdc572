def describe(net): return "net"
