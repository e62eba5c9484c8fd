from __future__ import annotations

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from spiking.errors import ParameterError, SpecificationError
from spiking.estimates import block_estimate
from spiking.quadratic_map import QuadraticMap, iterate
from spiking.surrogate import leaky_window, quadratic_window

torch = pytest.importorskip("torch")

from spiking.torch import LIF, QIF, ThresholdDependentBatchNorm, Unrolled, spike, unroll  # noqa: E402

EXAMPLE = Path(__file__).parents[2] / "examples" / "Jahns_2025_digits.py"
DOUBLE = torch.float64


def noise(*shape, spread=1.0, seed=5):
    return torch.from_numpy(spread * np.random.default_rng(seed).standard_normal(shape))


# -- against the map


def test_quadratic_layer_against_the_map():
    numbers = {"a": 0.3, "u1": -0.2, "u2": 0.7, "threshold": 0.9, "reset": -0.1}
    inputs = noise(60, 20, 3, spread=0.6)
    spikes, state = unroll(QIF(**numbers), inputs)
    orbit = iterate(QuadraticMap(**numbers), -0.1, inputs.numpy())
    assert 100 < orbit.spikes.sum() < orbit.spikes.size / 2
    np.testing.assert_array_equal(spikes.numpy(), orbit.spikes)
    np.testing.assert_allclose(state.numpy(), orbit.voltages[-1], rtol=1e-11, atol=1e-12)


def test_leaky_layer_against_a_loop():
    layer, inputs = LIF(0.8, threshold=0.7, reset=0.1), noise(60, 20, spread=0.6)
    spikes, state = unroll(layer, inputs)
    voltage = np.full(20, 0.1)
    for x, fired in zip(inputs.numpy(), spikes.numpy(), strict=True):
        voltage = 0.8 * voltage + x
        np.testing.assert_array_equal(fired, voltage >= 0.7)
        voltage = np.where(voltage >= 0.7, 0.1, voltage)
    np.testing.assert_array_equal(state.numpy(), voltage)
    assert 0 < spikes.sum() < spikes.numel() / 2


@pytest.mark.parametrize("make", [LIF, QIF])
def test_a_sequence_may_be_cut(make):
    layer, inputs = make(), noise(9, 4, 3)
    whole, end = unroll(layer, inputs)
    first, state = unroll(layer, inputs[:4])
    second, last = unroll(layer, inputs[4:], state)
    assert torch.equal(torch.cat([first, second]), whole)
    assert torch.equal(last, end)
    assert torch.equal(Unrolled(layer)(inputs), whole)


# -- gradients


def test_the_gradient_is_the_window():
    half_width = 0.37
    edge = np.nextafter(half_width, 0)
    distance = torch.tensor(
        [-3.0, -half_width, -edge, -0.2, 0.0, edge, half_width, 2.0], dtype=DOUBLE, requires_grad=True
    )
    spikes = spike(distance, half_width)
    assert torch.equal(spikes, spike(distance, torch.tensor([half_width], dtype=DOUBLE)))
    assert spikes.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    weights = torch.arange(1.0, 9.0, dtype=DOUBLE)
    (spikes * weights).sum().backward()
    inside = torch.tensor([0, 0, 1, 1, 1, 1, 0, 0], dtype=DOUBLE)
    assert torch.equal(distance.grad, weights * inside / (2 * half_width))


@pytest.mark.parametrize("make", [LIF, QIF])
def test_voltages_that_diverged_show_in_the_spikes(make):
    inputs = torch.zeros(3, 2, 4)
    inputs[1, 0, 2] = torch.nan
    spikes, state = unroll(make(), inputs)
    assert spikes.isnan().nonzero().tolist() == [[1, 0, 2], [2, 0, 2]]
    assert state.isnan().nonzero().tolist() == [[0, 2]]


def test_the_gradient_is_that_of_the_ramp_with_this_window_as_slope():
    """Wherever the ramp is smooth, finite differences of the ramp give the gradient of the spike."""
    half_width = torch.tensor(0.5, dtype=DOUBLE)
    distance = noise(200, seed=1)
    distance = distance[(distance.abs() - 0.5).abs() > 1e-3].requires_grad_()
    given = torch.autograd.grad(spike(distance, half_width).sum(), distance)[0]
    ramp = lambda d: ((d + half_width) / (2 * half_width)).clamp(0, 1)  # noqa: E731
    assert torch.autograd.gradcheck(ramp, distance)
    h = 1e-6
    with torch.no_grad():
        np.testing.assert_allclose(given, (ramp(distance + h) - ramp(distance - h)) / (2 * h), atol=1e-8)


@pytest.mark.parametrize(
    ("layer", "slope"),
    [(LIF(0.8, half_width=0.6), lambda u: 0.8 + 0 * u), (QIF(half_width=0.6), lambda u: 1 + 0.25 * (2 * u - 0.5))],
    ids=["LIF", "QIF"],
)
def test_gradients_through_time(layer, slope):
    """Two steps by the chain rule: window times slope of the map, none through a reset."""
    inputs = noise(2, 500, spread=0.8).requires_grad_()
    first, state = layer(inputs[0])
    second, _ = layer(inputs[1], state)
    gradient = torch.autograd.grad(second.sum(), inputs)[0]
    with torch.no_grad():
        u1 = layer.moved(torch.zeros(500, dtype=DOUBLE), inputs[0])
        u2 = layer.moved(state, inputs[1])
        window = ((u2 - 1).abs() < 0.6).double() / 1.2
        expected = window * torch.where(first > 0, 0.0, slope(u1))
    torch.testing.assert_close(gradient[1], window, rtol=1e-12, atol=0.0)
    torch.testing.assert_close(gradient[0], expected, rtol=1e-12, atol=0.0)
    assert (first > 0).any()
    assert (gradient[0] != 0).any()


def test_windows_are_derived():
    assert LIF(0.8).half_width.item() == leaky_window(0.8, 1.0).half_width
    assert LIF(0.8, threshold=0.5).half_width.item() == leaky_window(0.8, 0.5).half_width
    model = QuadraticMap(0.3, 0.0, 0.6, threshold=2.0)
    assert QIF(0.3, 0.0, 0.6, threshold=2.0).half_width.item() == quadratic_window(model, 2.0).half_width
    assert QIF(input_spread=0.1).half_width.item() == quadratic_window(QuadraticMap(), 0.1).half_width
    assert QIF(half_width=0.3).half_width.item() == 0.3
    assert QIF(a=5.0, half_width=0.3).a.item() == 5.0


# -- modules


@pytest.mark.parametrize("make", [LIF, QIF])
def test_type_and_device_follow_the_input(make):
    layer = make()
    for dtype in (torch.float16, torch.bfloat16, torch.float32, DOUBLE):
        spikes, state = layer(*layer(torch.ones(2, 3, dtype=dtype)))
        assert spikes.dtype == state.dtype == dtype
        spikes, state = layer(*layer(torch.tensor(1.0, dtype=dtype)))
        assert spikes.dtype == state.dtype == dtype
        spikes, state = layer(torch.ones(2, 3, dtype=dtype), torch.zeros(2, 3, dtype=DOUBLE))
        assert spikes.dtype == state.dtype == dtype
    spikes, state = layer(torch.zeros(2, 3, device="meta"))
    assert spikes.device.type == state.device.type == "meta"
    assert state.shape == (2, 3)


def test_state_dicts_round_trip():
    torch.manual_seed(0)

    def network(**numbers):
        return torch.nn.Sequential(
            torch.nn.Linear(3, 4), ThresholdDependentBatchNorm(4, threshold=numbers["threshold"]),
            Unrolled(QIF(**numbers)), torch.nn.Linear(4, 2), Unrolled(LIF(numbers["a"], threshold=0.3)),
        )  # fmt: skip

    one, other = network(a=0.3, u1=-0.1, u2=0.7, threshold=0.8), network(a=0.2, u1=0.0, u2=0.5, threshold=1.0)
    inputs = noise(6, 8, 3).float()
    one(inputs)
    other.load_state_dict(one.state_dict())
    assert torch.equal(one.eval()(inputs), other.eval()(inputs))
    assert {name for name in one.state_dict() if name.startswith("2.")} == {
        f"2.layer.{name}" for name in ("a", "u1", "u2", "threshold", "reset", "half_width")
    }
    assert repr(QIF(half_width=0.5)) == "QIF(a=0.25, u1=0, u2=0.5, threshold=1, reset=0, half_width=0.5)"


def test_batch_norm_that_knows_the_threshold():
    """Mean 0 and standard deviation alpha times threshold over time, batch and what follows the features."""
    layer = ThresholdDependentBatchNorm(3, threshold=0.8, alpha=0.5, eps=1e-13, momentum=0.3).double()
    inputs = 2.0 + 3.0 * noise(5, 40, 3, 2)
    found = layer(inputs)
    by_feature = found.movedim(2, 0).reshape(3, -1)
    torch.testing.assert_close(by_feature.mean(1), torch.zeros(3, dtype=DOUBLE), atol=1e-12, rtol=0.0)
    torch.testing.assert_close(by_feature.std(1, unbiased=False), torch.full((3,), 0.4, dtype=DOUBLE))
    plain = inputs.movedim(2, 0).reshape(3, -1)
    torch.testing.assert_close(layer.running_mean, 0.3 * plain.mean(1))
    torch.testing.assert_close(layer.running_var, 0.7 + 0.3 * plain.var(1))
    with torch.no_grad():
        layer.weight[:], layer.bias[:] = 2.0, torch.tensor([1.0, 2.0, 3.0])
    layer.eval()
    mean, var = layer.running_mean[:, None], layer.running_var[:, None]
    expected = 0.8 * (inputs - mean) / var.sqrt() + layer.bias[:, None]
    torch.testing.assert_close(layer(inputs), expected)


# -- bad input


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LIF(1.0), "decay = 1.0"),
        (lambda: LIF(reset=1.0), "reset = 1.0: must lie below"),
        (lambda: LIF(threshold=float("inf")), "threshold = inf"),
        (lambda: LIF(threshold=-1.0, reset=-2.0), "input_spread = None: must be given"),
        (lambda: LIF(half_width=0.0), "half_width = 0.0"),
        (lambda: LIF(half_width=1.0, input_spread=1.0), "cannot be given together"),
        (lambda: LIF(1.0, half_width=1.0), "decay = 1.0"),
        (lambda: QIF(u2=-1.0), "u2 = -1.0: must lie above"),
        (lambda: QIF(threshold=float("inf")), "threshold = inf"),
        (lambda: QIF(a=5.0), "no fixed point is stable"),
        (lambda: QIF(input_spread=-1.0), "input_spread = -1.0"),
        (lambda: ThresholdDependentBatchNorm(0), "features = 0"),
        (lambda: ThresholdDependentBatchNorm(3, alpha=0.0), "alpha = 0.0"),
        (lambda: ThresholdDependentBatchNorm(3, eps=0.0), "eps = 0.0"),
        (lambda: ThresholdDependentBatchNorm(3, threshold=-1.0), "threshold = -1.0"),
    ],
)
def test_refused_layers(make, message):
    with pytest.raises(ParameterError, match=message):
        make()


def test_refused_inputs():
    for layer in (QIF(), ThresholdDependentBatchNorm(3), lambda inputs: unroll(QIF(), inputs), lambda d: spike(d, 1.0)):
        for inputs in (torch.ones(2, 3, 3, dtype=torch.int64), np.ones((2, 3, 3))):
            with pytest.raises(SpecificationError, match="type .*must be .*of a floating-point type"):
                layer(inputs)
    with pytest.raises(SpecificationError, match="state of type ndarray: must be a tensor"):
        QIF()(torch.ones(2, 3), np.ones((2, 3)))
    with pytest.raises(SpecificationError, match="inputs of type torch.float64: must be of the layer's, torch.float32"):
        ThresholdDependentBatchNorm(3)(torch.ones(2, 3, 3, dtype=DOUBLE))
    with pytest.raises(SpecificationError, match="inputs of type torch.float32: must be of the layer's, torch.float64"):
        ThresholdDependentBatchNorm(3).double()(torch.ones(2, 3, 3))
    for half_width in (0.0, -1.0, float("nan"), "1", torch.tensor(0.0), torch.tensor(-1.0), torch.ones(2)):
        with pytest.raises(ParameterError, match="half_width = "):
            spike(torch.zeros(3), half_width)
    with pytest.raises(SpecificationError, match=r"state of shape \(3,\)"):
        QIF()(torch.ones(2, 3), torch.zeros(3))
    with pytest.raises(SpecificationError, match="at least one step"):
        unroll(QIF(), torch.ones(0, 2, 3))
    with pytest.raises(SpecificationError, match=r"\(steps, batch, 4, ...\)"):
        ThresholdDependentBatchNorm(4)(torch.ones(5, 2, 3))
    with pytest.raises(SpecificationError, match="more than one value"):
        ThresholdDependentBatchNorm(4)(torch.ones(1, 1, 4))


def test_without_torch(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("spiking.torch")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ModuleNotFoundError, match=r'spiking.torch needs PyTorch: pip install "snn2ode\[torch\]"'):
        import spiking.torch  # noqa: F401


# -- training


@pytest.fixture
def training(monkeypatch):
    pytest.importorskip("sklearn")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield runpy.run_path(str(EXAMPLE))
    torch.set_num_threads(threads)


def test_both_neurons_learn_digits(training):
    """One network each, a third of the epochs."""
    for name in ("LIF", "QIF"):
        (found,) = training["accuracies"](name, seeds=1, epochs=12)
        print(f"\n{name}: {found:.2f} % of the held-out digits", end="")
        assert found > 95.0


@pytest.mark.slow
def test_accuracy_on_digits(training):
    """Above 96.5 % in the mean of five networks, for either neuron; windows too wide cost the leaky one."""
    found = {name: training["accuracies"](name, seeds=5, epochs=40) for name in ("LIF", "QIF")}
    for name, values in found.items():
        print(f"\n{name}: {block_estimate(values)} % of the held-out digits", end="")
        assert values.mean() > 96.5
    narrow, wide = (training["accuracies"]("LIF", seeds=5, epochs=12, factor=factor) for factor in (0.25, 4.0))
    difference = block_estimate(narrow - wide)
    print(f"\nLIF, windows of a quarter minus four times the derived width: {difference} %", end="")
    assert difference.mean > 3 * difference.se
