"""
Activations of a trained PyTorch network become quadratics with coefficients of their own for every channel, and are fine-tuned: under encryption each is one exact
square, and nothing is approximated.

    y = c0 + c1·n + c2·(n² - 1)/√2        n = (x - mean)/deviation, by the running statistics of a batch normalisation

1, n and (n² - 1)/√2 are the Hermite polynomials, orthonormal for a normal n, so that the best start values for a ReLU are its coefficients in them: 1/√(2π) = 0.3989,
1/2 and 1/√(4π) = 0.2821 (AESPA, arXiv 2201.06699). Those of other functions are computed by quadrature.

    from quadratics import with_quadratics, fine_tune
    student = with_quadratics(model, example)
    fine_tune(student, loader, teacher=model)
    torch.onnx.export(student.eval(), (example,), 'model.onnx')

`python quadratics.py --demo` does so with a small network on half of the MNIST test images that come with the project, and judges by the other half.
Needs torch; `--demo` needs numpy, and onnx and onnxscript for `--onnx`.
"""
import argparse
import copy
import gzip
import math
import time
from pathlib import Path

import torch
from torch import nn

ACTIVATIONS = (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.SELU, nn.CELU, nn.SiLU, nn.GELU, nn.Mish, nn.Hardswish, nn.Softplus, nn.Tanh, nn.Sigmoid)


# 1/√(2π), 1/2, 1/√(4π)
RELU = (0.3989, 0.5, 0.2821)


class Quadratic(nn.Module):
    """A quadratic for every channel, on values that are batch-normalised."""

    def __init__(self, channels: int, start=RELU):
        super().__init__()
        self.normalisation = nn.BatchNorm1d(channels, affine=False)
        self.coefficients = nn.Parameter(torch.tensor(start).repeat(channels, 1))

    def forward(self, x):
        flat = x.flatten(2) if x.dim() > 2 else x
        n = self.normalisation(flat)
        c0, c1, c2 = (c[:, None] if x.dim() > 2 else c for c in self.coefficients.unbind(1))
        return (c0 + c1 * n + c2 * ((n * n - 1) / math.sqrt(2))).reshape(x.shape)


def hermite(function, order=64):
    """Coefficients of a function of a normal variable in the first three Hermite polynomials, by Gauss-Hermite quadrature."""
    import numpy

    points, weights = numpy.polynomial.hermite_e.hermegauss(order)
    x, w = torch.tensor(points), torch.tensor(weights / weights.sum())
    with torch.no_grad():
        y = function(x.float()).double()
    return tuple(float((w * y * h).sum()) for h in (torch.ones_like(x), x, (x * x - 1) / math.sqrt(2)))


def with_quadratics(model: nn.Module, example: torch.Tensor, calibration=None) -> nn.Module:
    """
    A copy with a quadratic in place of every activation module.

    example      one input, batch first: it tells how many channels each activation has
    calibration  inputs whose statistics the normalisations start with; the example when there are none

    The model must call activations as modules of their own (nn.ReLU, not F.relu), each once: statistics and coefficients are one place's.
    """
    student = copy.deepcopy(model)
    places = {name: module for name, module in student.named_modules() if isinstance(module, ACTIVATIONS)}
    if not places:
        raise ValueError('no activation modules: use nn.ReLU() in __init__ rather than F.relu in forward')
    shapes: dict[str, list[torch.Size]] = {name: [] for name in places}
    hooks = [module.register_forward_hook(lambda _m, _i, out, name=name: shapes[name].append(out.shape)) for name, module in places.items()]
    student.eval()
    with torch.no_grad():
        student(example)
    for hook in hooks:
        hook.remove()
    for name, module in places.items():
        if len(shapes[name]) != 1:
            raise ValueError(f"activation '{name}' is called {len(shapes[name])} times: give every call a module of its own")
        # slopes of a PReLU belong to channels: it starts as a ReLU
        known = isinstance(module, (nn.ReLU, nn.PReLU))
        start = RELU if known else hermite(copy.deepcopy(module).cpu().eval())
        parent, _, leaf = name.rpartition('.')
        setattr(student.get_submodule(parent), leaf, Quadratic(shapes[name][0][1], start).to(example.device))
    calibrate(student, calibration if calibration is not None else example.expand(2, *example.shape[1:]))
    return student


def calibrate(student: nn.Module, inputs: torch.Tensor) -> None:
    """Statistics of all normalisations of quadratics from these inputs, layer after layer."""
    for module in [m for m in student.modules() if isinstance(m, Quadratic)]:
        student.eval()
        module.normalisation.momentum, module.normalisation.training = 1.0, True
        with torch.no_grad():
            student(inputs)
        module.normalisation.momentum, module.normalisation.training = 0.1, False


def fine_tune(student: nn.Module, loader, teacher: nn.Module | None = None, epochs=3, rate=2e-3, clip=1.0, loss=None) -> None:
    """
    Trains a network with quadratics for a few epochs. With a teacher, the network that it was made of, it learns to give the same outputs, and labels are not needed;
    otherwise `loss(outputs, targets)`, cross-entropy when it is not given. Gradients are clipped: squares have large ones where inputs are rare.
    """
    optimiser = torch.optim.AdamW(student.parameters(), lr=rate)
    steps = epochs * len(loader)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=rate, total_steps=max(2, steps))
    if teacher is not None:
        teacher.eval()
    for _ in range(epochs):
        student.train()
        for inputs, targets in loader:
            outputs = student(inputs)
            if teacher is None:
                value = (loss or nn.functional.cross_entropy)(outputs, targets)
            else:
                with torch.no_grad():
                    wanted = teacher(inputs)
                value = nn.functional.mse_loss(outputs, wanted)
            optimiser.zero_grad()
            value.backward()
            nn.utils.clip_grad_norm_(student.parameters(), clip)
            optimiser.step()
            schedule.step()
    student.eval()


def _demo(folder: Path, onnx: Path | None, epochs: int) -> None:
    import numpy

    def idx(name, header):
        return numpy.frombuffer(gzip.decompress((folder / name).read_bytes()), numpy.uint8, offset=header)

    torch.manual_seed(1)
    torch.set_num_threads(1)
    images = torch.tensor(idx('mnist-t10k-images-idx3-ubyte.gz', 16).reshape(-1, 1, 28, 28) / 255.0, dtype=torch.float32)
    labels = torch.tensor(idx('mnist-t10k-labels-idx1-ubyte.gz', 8).astype(numpy.int64))
    half = len(images) // 2
    data = torch.utils.data.TensorDataset(images[:half], labels[:half])
    loader = torch.utils.data.DataLoader(data, batch_size=128, shuffle=True, drop_last=True)
    model = nn.Sequential(nn.Conv2d(1, 8, 5, 2), nn.ReLU(), nn.Flatten(), nn.Linear(1152, 64), nn.SiLU(), nn.Linear(64, 10))

    def right(network):
        with torch.no_grad():
            return (network.eval()(images[half:]).argmax(1) == labels[half:]).float().mean().item()

    began = time.perf_counter()
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(epochs):
        model.train()
        for inputs, targets in loader:
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(inputs), targets).backward()
            optimiser.step()
    print(f'trained with ReLU and SiLU   {100 * right(model):.2f} %   {time.perf_counter() - began:.1f} s')
    student = with_quadratics(model, images[:1], images[:512])
    print(f'quadratics, not tuned        {100 * right(student):.2f} %')
    began = time.perf_counter()
    fine_tune(student, loader, teacher=model, epochs=epochs)
    print(f'quadratics, fine-tuned       {100 * right(student):.2f} %   {time.perf_counter() - began:.1f} s')
    if onnx is not None:
        torch.onnx.export(student, (images[:2],), str(onnx), dynamic_shapes=({0: torch.export.Dim.DYNAMIC},), external_data=False, verbose=False)
        print(f'written: {onnx}')


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description='Activations become quadratics for every channel, fine-tuned.')
    parser.add_argument('--demo', action='store_true', help='try it on a small network and the MNIST images of the project')
    parser.add_argument('--data', type=Path, default=Path(__file__).parents[2] / 'data', help='folder of the MNIST test images')
    parser.add_argument('--epochs', type=int, default=6)
    parser.add_argument('--onnx', type=Path, help='write the tuned network')
    options = parser.parse_args()
    if options.demo:
        _demo(options.data, options.onnx, options.epochs)
    else:
        parser.print_help()
