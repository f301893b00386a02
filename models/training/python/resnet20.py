"""ResNet-20 (He et al. 2015, arXiv 1512.03385, section 4.2) on CIFAR-10 with activations that can be evaluated under encryption, trained and written as ONNX.

  python resnet20.py train   --data DIR --activation quadratic --checkpoint quadratic.pt --schedule 20:6,24:6,32:12 --rate 0.05
  python resnet20.py train   --data DIR --activation quadratic --start first.onnx --checkpoint longer.pt --schedule 32:36 --rate 0.05 --batch 256 --cutout 8
  python resnet20.py train   --data DIR --activation silu --start longer.pt --checkpoint silu.pt --schedule 32:10 --rate 0.05 --batch 256 --cutout 8
  python resnet20.py export  --activation silu --checkpoint silu.pt --onnx ../../onnx/resnet20-silu.onnx
  python resnet20.py export  --activation quadratic --checkpoint longer.pt --onnx ../../onnx/resnet20-quadratic.onnx
  python resnet20.py publish --onnx ../../onnx/resnet20-quadratic.onnx --data DIR --manifest ../../manifest.json --note TEXT

(numpy, torch 2.15, onnx 1.23, onnxruntime; DIR is CIFAR-10 in any form that cifar10.py reads; two processor cores take half an hour, three quarters and a quarter; first.onnx is what export wrote of quadratic.pt)

quadratic   a·x² + b·x + c, the three learnt for every channel, from 0.08x² + 0.5x. A penalty holds the inputs within ±bound, where it grows as a square: without it a stack of
            quadratics runs away, in training and on images that it has not seen.
silu        x·sigmoid(x), held within twice the bound, so that a polynomial of small degree does. It starts from what the quadratic network has learnt.

Images grow while it trains (side:epochs): early epochs on smaller ones cost a third. Nesterov's momentum, learning rate up a fifth of the way and down as a cosine, bfloat16,
weight decay, label smoothing, reflections, shifts by up to four pixels, squares left out. The weights of the last step count, or their
running mean (ema), which quadratics do not bear: one batch that runs away stays in its statistics for long. The test images choose nothing.
"""
import argparse, copy, hashlib, json, math, os, time
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F
import cifar10

# of the training images, of 255
MEAN, DEVIATION = np.array([0.4914, 0.4822, 0.4465]) * 255, np.array([0.247, 0.2435, 0.2616]) * 255
WEIGHT_DECAY, SMOOTHING, WARM_UP, SHIFT, MOMENTUM = 5e-4, 0.05, 0.2, 4, 0.9


class Activation(nn.Module):
    """@param penalties what leaves its bounds is added here while it trains"""

    def __init__(self, kind, channels, bound, penalties):
        super().__init__()
        self.kind, self.bound, self.penalties = kind, bound if kind == "quadratic" else 2 * bound, penalties
        if kind == "quadratic":
            self.a, self.b, self.c = (nn.Parameter(torch.full((channels,), value)) for value in (0.08, 0.5, 0.0))

    def forward(self, x):
        if self.training:
            self.penalties.append(F.relu(x.abs() - self.bound).square().mean(dtype=torch.float32))
        if self.kind == "silu":
            return F.silu(x)
        a, b, c = (value.to(x.dtype).view(1, -1, 1, 1) for value in (self.a, self.b, self.c))
        return (a * x + b) * x + c


class Block(nn.Module):
    """x → f(shortcut(x) + normalised convolution of f(normalised convolution of x)); the shortcut of a narrower or larger input is a convolution of one pixel."""

    def __init__(self, inputs, outputs, stride, activation):
        super().__init__()
        self.c1, self.n1, self.q1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), activation(outputs)
        self.c2, self.n2, self.q2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs), activation(outputs)
        self.sc = nn.Conv2d(inputs, outputs, 1, stride, bias=False) if stride > 1 or inputs != outputs else nn.Identity()

    def forward(self, x):
        return self.q2(self.n2(self.c2(self.q1(self.n1(self.c1(x)))) + self.sc(x)))


class ResNet20(nn.Module):
    def __init__(self, kind, bound=3.0):
        super().__init__()
        self.penalties = []
        activation = lambda channels: Activation(kind, channels, bound, self.penalties)
        self.c, self.n, self.q = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), activation(16)
        blocks, inputs = [], 16
        for outputs, first in ((16, 1), (32, 2), (64, 2)):
            for k in range(3):
                blocks.append(Block(inputs, outputs, first if k == 0 else 1, activation))
                inputs = outputs
        self.b, self.f = nn.Sequential(*blocks), nn.Linear(64, 10)

    def forward(self, x):
        return self.f(self.b(self.q(self.n(self.c(x)))).mean((2, 3)))


def normalised(pixels):
    return (torch.from_numpy(pixels).float() - torch.tensor(MEAN).float().view(1, 3, 1, 1)) / torch.tensor(DEVIATION).float().view(1, 3, 1, 1)


def train(args):
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    (x, y), (xt, yt) = (cifar10.load(args.data, part) for part in ("train", "test"))
    x, y, xt, yt = F.pad(normalised(x), (SHIFT,) * 4, mode="reflect").half(), torch.from_numpy(y), normalised(xt), torch.from_numpy(yt)
    net = ResNet20(args.activation, args.bound).to(memory_format=torch.channels_last)
    sides = [int(side) for part in args.schedule.split(",") for side, epochs in (part.split(":"),) for _ in range(int(epochs))]
    steps, step, start = len(x) // args.batch, 0, 0
    total = steps * len(sides)
    matrices, others = ([p for p in net.parameters() if (p.ndim > 1) == wide] for wide in (True, False))
    optimizer = torch.optim.SGD([dict(params=matrices, weight_decay=WEIGHT_DECAY), dict(params=others, weight_decay=0)], lr=args.rate, momentum=MOMENTUM, nesterov=True)
    mean = copy.deepcopy(net)
    if os.path.exists(args.checkpoint):
        known = torch.load(args.checkpoint)
        net.load_state_dict(known["net"]), mean.load_state_dict(known["ema"]), optimizer.load_state_dict(known["opt"])
        step, start = known["step"], known["epoch"]
    elif args.start:
        net.load_state_dict(restored(args.start, args.data) if args.start.endswith(".onnx") else torch.load(args.start)["net"], strict=False)
        mean.load_state_dict(net.state_dict())
    random, run = torch.Generator().manual_seed(args.seed * 1000 + start), torch.compile(net)
    for epoch in range(start, len(sides)):
        began, order, loss = time.time(), torch.randperm(len(x), generator=random), 0.0
        net.train()
        for k in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = args.rate * rate(step / total)
            indices = order[k * args.batch : (k + 1) * args.batch]
            batch = augmented(x, indices, random, args.cutout)
            if sides[epoch] < 32:
                batch = F.interpolate(batch, size=(sides[epoch],) * 2, mode="bilinear", antialias=True)
            net.penalties.clear()
            with torch.autocast("cpu", dtype=torch.bfloat16):
                out = run(batch.contiguous(memory_format=torch.channels_last))
            entropy = F.cross_entropy(out.float(), y[indices], label_smoothing=SMOOTHING)
            optimizer.zero_grad(set_to_none=True)
            (entropy + args.boundary * sum(net.penalties)).backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            step, loss = step + 1, loss + entropy.item()
            follow(mean, net, min(0.999, step / (step + 10)))
        torch.save(dict(net=net.state_dict(), ema=mean.state_dict(), opt=optimizer.state_dict(), step=step, epoch=epoch + 1), args.checkpoint + ".part")
        os.replace(args.checkpoint + ".part", args.checkpoint)
        print(f"epoch {epoch + 1}/{len(sides)} side {sides[epoch]} loss {loss / steps:.4f} test {correct(net, xt, yt) / len(xt):.4f} {time.time() - began:.0f} s", flush=True)


def rate(t):
    return t / WARM_UP if t < WARM_UP else 0.5 * (1 + math.cos(math.pi * (t - WARM_UP) / (1 - WARM_UP))) * (1 - 1e-3) + 1e-3


@torch.no_grad()
def restored(file, data, images=1000):
    """The state of a network from the file that export wrote. A normalisation that was folded into its convolution becomes one that, on some training images, gives the same values."""
    import onnx, onnxruntime

    model = onnx.load(file)
    tensors = {tensor.name: torch.from_numpy(onnx.numpy_helper.to_array(tensor).copy()) for tensor in model.graph.initializer}
    folded = {"conv0": ("c", "n"), **{f"block{k + 1}.conv1": (f"b.{k}.c1", f"b.{k}.n1") for k in range(9)}}
    model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in folded)
    values = onnxruntime.InferenceSession(model.SerializeToString()).run(list(folded), {"image": cifar10.load(data, "train")[0][:images].astype(np.float32)})
    state = {"f.weight": tensors["dense.weight"], "f.bias": tensors["dense.bias"]}
    for (name, (convolution, normalisation)), value in zip(folded.items(), values):
        mean, variance = (torch.from_numpy(part).flatten() for part in (value.mean((0, 2, 3)), value.var((0, 2, 3))))
        state |= {f"{convolution}.weight": tensors[f"{name}.weight"], f"{normalisation}.weight": variance.sqrt(), f"{normalisation}.bias": mean}
        state |= {f"{normalisation}.running_mean": mean - tensors[f"{name}.bias"], f"{normalisation}.running_var": variance}
    for name, key in (("act0", "q"), *((f"block{k + 1}.act{part}", f"b.{k}.q{part}") for k in range(9) for part in (1, 2))):
        state |= {f"{key}.{part}": tensors[f"{name}.{part}"].flatten() for part in "abc" if f"{name}.{part}" in tensors}
    for k in range(9):
        state[f"b.{k}.c2.weight"] = tensors[f"block{k + 1}.conv2.weight"]
        if f"block{k + 1}.shortcut.weight" in tensors:
            state[f"b.{k}.sc.weight"] = tensors[f"block{k + 1}.shortcut.weight"]
        state |= {f"b.{k}.n2.{part}": tensors[f"block{k + 1}.act2.normalised.{part}"] for part in ("weight", "bias", "running_mean", "running_var")}
    return state


@torch.no_grad()
def follow(mean, net, decay):
    for before, now in zip(mean.state_dict().values(), net.state_dict().values()):
        before.lerp_(now, 1 - decay) if before.dtype.is_floating_point else before.copy_(now)


def augmented(x, indices, random, cutout):
    """Images shifted, half of them reflected, and each without a square of `cutout` pixels at a place of its own (DeVries and Taylor 2017, arXiv 1708.04552)."""
    shifts = torch.randint(0, 2 * SHIFT + 1, (len(indices), 2), generator=random).tolist()
    batch = torch.stack([x[index, :, row : row + 32, column : column + 32] for index, (row, column) in zip(indices.tolist(), shifts)]).float()
    flip = torch.rand(len(batch), generator=random) < 0.5
    batch = torch.where(flip.view(-1, 1, 1, 1), batch.flip(3), batch)
    if cutout > 0:
        places, pixel = torch.randint(0, 32, (2, len(batch), 1), generator=random) - cutout // 2, torch.arange(32)
        rows, columns = ((place <= pixel) & (pixel < place + cutout) for place in places)
        batch.masked_fill_((rows.unsqueeze(2) & columns.unsqueeze(1)).unsqueeze(1), 0.0)
    return batch


@torch.no_grad()
def correct(net, x, y, size=500):
    net.eval()
    return sum((net(x[k : k + size].to(memory_format=torch.channels_last)).argmax(1) == y[k : k + size]).sum().item() for k in range(0, len(x), size))


def export(args):
    """Writes the network for images of bytes: what normalises them is part of the file. Normalisations after a convolution are folded into it."""
    from onnx import TensorProto, checker, helper, numpy_helper, save

    state = {name: value.double().numpy() for name, value in torch.load(args.checkpoint, map_location="cpu")[args.weights].items()}
    nodes, tensors = [], []

    def constant(name, value):
        tensors.append(numpy_helper.from_array(np.ascontiguousarray(value, np.float32), name))
        return name

    def node(kind, inputs, name, **attributes):
        nodes.append(helper.make_node(kind, inputs, [name], name, **attributes))
        return name

    channels = lambda values: np.reshape(values, (-1, 1, 1))

    def convolution(x, name, weight, bias, stride):
        padding = weight.shape[-1] // 2
        inputs = [x, constant(f"{name}.weight", weight), *([] if bias is None else [constant(f"{name}.bias", bias)])]
        return node("Conv", inputs, name, kernel_shape=weight.shape[2:], strides=[stride] * 2, pads=[padding] * 4)

    def folded(convolution_name, normalisation):
        """Weight and bias of a convolution with the normalisation after it."""
        factor = state[f"{normalisation}.weight"] / np.sqrt(state[f"{normalisation}.running_var"] + 1e-5)
        return state[f"{convolution_name}.weight"] * factor[:, None, None, None], state[f"{normalisation}.bias"] - state[f"{normalisation}.running_mean"] * factor

    def activation(x, name, key):
        if args.activation == "silu":
            return node("Mul", [x, node("Sigmoid", [x], f"{name}.sigmoid")], name)
        a, b, c = (constant(f"{name}.{part}", channels(state[f"{key}.{part}"])) for part in "abc")
        linear = node("Add", [node("Mul", [x, a], f"{name}.scaled"), b], f"{name}.linear")
        return node("Add", [node("Mul", [linear, x], f"{name}.product"), c], name)

    weight, bias = folded("c", "n")
    x = node("Mul", [node("Sub", ["image", constant("mean", channels(MEAN))], "centred"), constant("factor", channels(1 / DEVIATION))], "normalised")
    x = activation(convolution(x, "conv0", weight, bias, 1), "act0", "q")
    for k in range(9):
        name, key, stride = f"block{k + 1}", f"b.{k}", 2 if k in (3, 6) else 1
        weight, bias = folded(f"{key}.c1", f"{key}.n1")
        inner = activation(convolution(x, f"{name}.conv1", weight, bias, stride), f"{name}.act1", f"{key}.q1")
        # the normalisation after a sum stays what it is: a factor of the shortcut alone would make another activation of the value that it shares
        inner = convolution(inner, f"{name}.conv2", state[f"{key}.c2.weight"], None, 1)
        shortcut = convolution(x, f"{name}.shortcut", state[f"{key}.sc.weight"], None, stride) if f"{key}.sc.weight" in state else x
        parts = [constant(f"{name}.act2.normalised.{part}", state[f"{key}.n2.{part}"]) for part in ("weight", "bias", "running_mean", "running_var")]
        normal = node("BatchNormalization", [node("Add", [inner, shortcut], f"{name}.sum"), *parts], f"{name}.act2.normalised", epsilon=1e-5)
        x = activation(normal, f"{name}.act2", f"{key}.q2")
    pooled = node("Flatten", [node("GlobalAveragePool", [x], "pool")], "features", axis=1)
    node("Gemm", [pooled, constant("dense.weight", state["f.weight"]), constant("dense.bias", state["f.bias"])], "logits", transB=1)
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, 32, 32])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 10])
    graph = helper.make_graph(nodes, f"resnet20-{args.activation}", [image], [logits], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8, producer_name="slytherin")
    checker.check_model(model, full_check=True)
    save(model, args.onnx)
    print(args.onnx, os.path.getsize(args.onnx), hashlib.sha256(open(args.onnx, "rb").read()).hexdigest())


def publish(args):
    """Measures all test images with onnxruntime, and where inputs of activations lie on them and on a fifth of the training images; writes the entry of the manifest."""
    import onnx, onnxruntime

    model = onnx.load(args.onnx)
    watched = [node.output[0] for node in model.graph.node if node.name == "conv0" or node.name.endswith((".conv1", ".normalised"))]
    model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in watched)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = args.threads
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)

    def measured(x, y):
        right, largest, ranges = 0, 0.0, {name: [np.inf, -np.inf] for name in watched}
        for k in range(0, len(x), 100):
            logits, *values = session.run(["logits", *watched], {"image": x[k : k + 100].astype(np.float32)})
            right, largest = right + int((logits.argmax(1) == y[k : k + 100]).sum()), max(largest, float(np.abs(logits).max()))
            for name, value in zip(watched, values):
                ranges[name] = [min(ranges[name][0], float(value.min())), max(ranges[name][1], float(value.max()))]
        return right, largest, ranges

    test, train = cifar10.load(args.data, "test"), [part[:10000] for part in cifar10.load(args.data, "train")]
    right, largest, ranges = measured(*test)
    known, trained_largest, trained = measured(*train)
    activation = {name: name.replace("conv0", "act0").replace(".conv1", ".act1").replace(".act2.normalised", ".act2") for name in watched}
    name, content = os.path.splitext(os.path.basename(args.onnx))[0], open(args.onnx, "rb").read()
    folder = "data/cifar-10-batches-bin"
    entry = dict(
        name=name, file=f"onnx/{name}.onnx", bytes=len(content), sha256=hashlib.sha256(content).hexdigest(), opset=13, irVersion=8,
        input=dict(name="image", shape=["N", 3, 32, 32], layout="NCHW"), output=dict(name="logits", shape=["N", 10]),
        normalisation=dict(formula="x = byte; what normalises is part of the file", scale=1, mean=0, std=1),
        dataset=dict(name="cifar-10", classes=cifar10.CLASSES, source="https://www.cs.toronto.edu/~kriz/cifar.html", file="cifar-10-binary.tar.gz",
                     test=dict(x=f"{folder}/test_batch.bin", y=f"{folder}/test_batch.bin"), calibration=dict(x=f"{folder}/data_batch_1.bin")),
        expected=dict(n=len(test[1]), correctOnnxruntime=right, accuracy=right / len(test[1]), maxAbsLogit=largest),
        trainAccuracy=dict(n=len(train[1]), correct=known, maxAbsLogit=trained_largest),
        activationRanges={part: [dict(layer=activation[name], min=low, max=high) for name, (low, high) in found.items()] for part, found in (("train", trained), ("test", ranges))},
        training=dict(script="training/python/resnet20.py", what=" ".join((__doc__.split("\n\n")[0], args.note)).strip()),
    )
    with open(args.manifest) as file:
        manifest = json.load(file)
    manifest["models"] = sorted([other for other in manifest["models"] if other["name"] != name] + [entry], key=lambda one: one["name"])
    with open(args.manifest, "w") as file:
        json.dump(manifest, file, indent=1, ensure_ascii=False)
    reached = [min(low for low, _ in ranges.values()), max(high for _, high in ranges.values())]
    print(f"{args.onnx}: {right} of {len(test[1])} right; inputs of activations {reached[0]:.2f} to {reached[1]:.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, wanted in (("train", "data activation checkpoint"), ("export", "activation checkpoint onnx"), ("publish", "data onnx manifest")):
        command = commands.add_parser(name)
        command.add_argument("--threads", type=int, default=2)
        for option in wanted.split():
            command.add_argument(f"--{option}", required=True, **(dict(choices=["quadratic", "silu"]) if option == "activation" else {}))
        if name == "train":
            command.add_argument("--start", help="what it starts from: checkpoint of a network, perhaps with other activations, or an ONNX file that export wrote")
            command.add_argument("--schedule", default="20:6,24:6,32:12", help="side:epochs,…")
            for option, value in (("rate", 0.05), ("batch", 128), ("seed", 1), ("bound", 3.0), ("boundary", 0.1), ("cutout", 0)):
                command.add_argument(f"--{option}", type=type(value), default=value)
        if name == "export":
            command.add_argument("--weights", choices=["net", "ema"], default="net", help="those of the last step (default), or their running mean")
        if name == "publish":
            command.add_argument("--note", default="", help="what else is to be said of the training and its images")
    args = parser.parse_args()
    dict(train=train, export=export, publish=publish)[args.command](args)
