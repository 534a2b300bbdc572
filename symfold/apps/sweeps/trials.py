"""The trial that trains on a table."""

from __future__ import annotations

from symfold.apps.data import Table, read_table
from symfold.apps.regression import errors, train
from symfold.apps.table_nets import Shape


def train_on_table(
    data: str,
    target: str,
    mapper: str = "residual",
    depth: int = 3,
    width: int = 8,
    activation: str = "sigmoid",
    epochs: int = 200,
    batch_size: int = 32,
    rate: float = 0.001,
    remat: str | None = None,
    test_fraction: float = 0.2,
    seed: int = 0,
    table: Table | None = None,
) -> dict[str, float]:
    """Train a net on a table, as `symfold train`: its errors, in the unit of the target."""
    table = read_table(data) if table is None else table
    columns = tuple(name for name in table.columns if name != target)
    shape = Shape(mapper, depth, width, activation, columns, target)
    model, _ = train(shape, table, epochs, batch_size, rate, test_fraction, seed, remat)
    found = errors(
        model.predict(table.select(columns)), table.select([target])[:, 0], model.train_rows, model.test_rows
    )
    return {"train_error": found["train"], "test_error": found["test"]}
