"""One training on all devices of all processes: each computes its rows of every batch. Needs the extra `jax`.

    python examples/data_parallel.py                   one process, with the devices that it has
    srun python examples/data_parallel.py --cluster    a process a task; who is where, JAX reads off the cluster
    python examples/data_parallel.py --coordinator HOST:PORT --processes 2 --process 0
                                                       by hand: the same with --process 1 on the other machine

Every process runs this same program: the same data, the same seed. The first one writes the parameters to `--out`.
"""

import argparse
from typing import Any

import numpy as np

import symfold as sf

WIDTH, DEPTH, SAMPLES, BATCH = 8, 10, 400, 40


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--cluster", action="store_true", help="ask the scheduler (Slurm, Open MPI, ...) for the processes"
    )
    parser.add_argument("--coordinator", help="address and port of process 0, which the others connect to")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--process", type=int, default=0, help="which of them this one is, from 0 on")
    parser.add_argument("--out", help="a file (.npz) for the parameters")
    return parser.parse_args()


def connect(options: argparse.Namespace) -> None:
    """Join the processes before anything is computed. Messages go through Gloo on CPUs, through NCCL on GPUs."""
    import jax

    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    if options.cluster:
        jax.distributed.initialize()
    elif options.processes > 1:
        jax.distributed.initialize(options.coordinator, options.processes, options.process)


def train() -> Any:
    """100 steps: 10 epochs of 10 batches."""
    x, target = sf.tensor("x", (None, WIDTH)), sf.tensor("target", (None, WIDTH))
    net = sf.fold(sf.mappers.residual, sf.layers(f"f1:{DEPTH + 1}", sf.dense(WIDTH, WIDTH, sf.sigmoid)), x)
    random = np.random.default_rng(0)
    data = {"x": random.standard_normal((SAMPLES, WIDTH)), "target": random.random((SAMPLES, WIDTH))}
    loss = sf.squared_error(net, target)
    return sf.fit(loss, net.init(seed=0), data, optimizer=sf.sgd(1e-4), epochs=10, batch_size=BATCH, backend="jax")


def main() -> None:
    options = arguments()
    connect(options)
    done = train()
    import jax

    if jax.process_index() == 0:
        losses = done.history.loss
        print(f"{jax.process_count()} process(es), {jax.device_count()} device(s) of kind {jax.devices()[0].platform}")
        print(f"loss {losses[0]:.6g} before the first step, {losses[-1]:.6g} before the last of {len(losses)}")
        if options.out:
            np.savez(options.out, **done.params)


if __name__ == "__main__":
    main()
