from mrdl import MRDL
from mrdl import rbm

if __name__ == "__main__":
    newnet = rbm(0.015, 0.8, 64)
    MRDL.newnet = newnet
    net = newnet.create_net(layer_count=4, node_seq=[784, 500, 100, 101])
    MRDL.net = net
    MRDL.run()
    iter1 = newnet.combine_weights(MRDL.weights)
    net = newnet.create_net(layer_count=4, node_seq=[784, 500, 100, 101])
    newnet.set_w(iter1, net)
    testdata = newnet.load_data(data_path="test.csv")
    newnet.test(loaded_data=testdata, nNet=net)
