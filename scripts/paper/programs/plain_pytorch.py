import sys

import pandas as pd
import torch
from torch import nn


def load(path):
    table = pd.read_csv(path, dtype="uint8").to_numpy()
    return torch.from_numpy(table[:, 1:].astype("float32")) / 255, torch.from_numpy(table[:, 0].astype("int64"))


def network(nodes):
    layers = []
    for fan_in, fan_out in zip(nodes[:-1], nodes[1:], strict=True):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
    return nn.Sequential(*layers[:-1], nn.LogSoftmax(1))


def main(train, test, epochs=10):
    torch.manual_seed(0)
    rows, targets = load(train)
    net = network([784, 500, 100, 10])
    optimizer = torch.optim.SGD(net.parameters(), lr=0.015, momentum=0.8)
    for epoch in range(epochs):
        for batch in torch.randperm(len(rows)).split(64):
            loss = nn.functional.nll_loss(net(rows[batch]), targets[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch + 1}: loss {loss.item():.4f}")
    rows, targets = load(test)
    with torch.no_grad():
        print({"accuracy": (net(rows).argmax(1) == targets).float().mean().item()})


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
