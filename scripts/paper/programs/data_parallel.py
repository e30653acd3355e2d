import sys

import pandas as pd
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.data.distributed import DistributedSampler


def load(path):
    table = pd.read_csv(path, dtype="uint8").to_numpy()
    return torch.from_numpy(table[:, 1:].astype("float32")) / 255, torch.from_numpy(table[:, 0].astype("int64"))


def network(nodes):
    layers = []
    for fan_in, fan_out in zip(nodes[:-1], nodes[1:], strict=True):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
    return nn.Sequential(*layers[:-1], nn.LogSoftmax(1))


def main(train, test, epochs=10):
    dist.init_process_group("gloo")
    rank, size = dist.get_rank(), dist.get_world_size()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    rows = TensorDataset(*load(train))
    sampler = DistributedSampler(rows, size, rank, shuffle=True)
    loader = DataLoader(rows, batch_size=64 // size, sampler=sampler)
    net = DistributedDataParallel(network([784, 500, 100, 10]))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.015, momentum=0.8)
    for epoch in range(epochs):
        sampler.set_epoch(epoch)
        for x, y in loader:
            loss = nn.functional.nll_loss(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if rank == 0:
            print(f"epoch {epoch + 1}: loss {loss.item():.4f}")
            torch.save(net.module.state_dict(), "checkpoint.pt")
    if rank == 0:
        rows, targets = load(test)
        with torch.no_grad():
            print({"accuracy": (net.module(rows).argmax(1) == targets).float().mean().item()})
    dist.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
