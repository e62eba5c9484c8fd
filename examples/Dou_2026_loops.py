"""
Cutting the loops of a recurrent network
========================================

Theorems on Euler-Maruyama hold for layered networks; a recurrent one is layered up to its loops. Left: the synapses of
20 neurons, those on simple cycles marked. Middle: distance of the network with loops longer than L cut from the whole
one, under the same Brownian paths: by removing edges, and by unrolling the network into L + 1 layers. Right: the
order of the recurrent network in the step, which is that of layered ones.
"""

import matplotlib.pyplot as plt
import networkx

import spiking
from spiking.convergence import loop_truncation, recurrent, strong_errors
from spiking.convergence.loops import edges_of
from spiking.convergence_plots import errors, powers, truncation
from spiking.plotting import COLOURS

LENGTHS = range(11)


def draw_graph(net, ax):
    """Draw the neurons on a circle, edges on cycles in colour."""
    graph = networkx.DiGraph(spiking.graphs.to_networkx(net))
    cycles = spiking.graphs.synaptic_cycles(net, len(graph))
    on_cycles = {edge for cycle in cycles for edge in edges_of(cycle)}
    place = networkx.circular_layout(graph)
    for chosen, colour, width in ((False, "0.75", 0.8), (True, COLOURS[0], 1.4)):
        own = [edge for edge in graph.edges if (edge in on_cycles) == chosen]
        networkx.draw_networkx_edges(graph, place, own, edge_color=colour, width=width, node_size=90, ax=ax)
    networkx.draw_networkx_nodes(graph, place, node_size=90, node_color=COLOURS[1], ax=ax)
    lengths = ", ".join(str(len(cycle)) for cycle in cycles)
    ax.set_title(f"{len(cycles)} cycles, of lengths {lengths}", loc="left", fontsize=10)
    ax.set_aspect("equal")
    ax.axis("off")


if __name__ == "__main__":
    figure, axes = plt.subplots(1, 3, figsize=(13, 4.2), layout="constrained")
    runs, labels = [], []
    for weight, kind in ((0.3, "excitatory"), (-0.3, "inhibitory")):
        net = recurrent(20, 0.1, weight, seed=3)
        for method, text in (("edges", "edges removed"), ("unrolled", "unrolled")):
            runs.append(loop_truncation(net, LENGTHS, 4.0, 2.0**-7, method=method, paths=300, seed=1))
            labels.append(f"{kind}, {text}")
            print(labels[-1], runs[-1].voltage.values, runs[-1].removed)
    net = runs[0].network
    draw_graph(net, axes[0])
    truncation(runs, ax=axes[1], labels=labels)
    axes[1].set_title("loops longer than L cut", loc="left", fontsize=10)
    found = strong_errors(net, 4.0, [2.0**-k for k in (4, 5, 6, 7, 8, 11)], paths=600, seed=1)
    shown = [found["E", name] for name in ("voltage", "mismatch", "current", "weak")]
    errors(shown, ax=axes[2], label="step h (membrane time constants)")
    axes[2].set_ylim(5e-4, 50)
    powers(axes[2], (0.5, 1.0), (2.0**-4, 0.5))
    axes[2].set_title("whole network against its finest step", loc="left", fontsize=10)
    plt.show()
