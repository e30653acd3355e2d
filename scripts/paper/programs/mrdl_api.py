import sys

import mrdl

model = mrdl.train(sys.argv[1], nodes=[784, 500, 100, 10], runner="hadoop")
print(model.evaluate(sys.argv[2]))
