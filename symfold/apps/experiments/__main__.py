"""`python -m symfold.apps.experiments`: the experiments in order, each with its budget, numbers and conclusions."""

from __future__ import annotations

import click

from symfold.apps.experiments.catalogue import EXPERIMENTS, table
from symfold.apps.experiments.summary import CAVEAT, summary
from symfold.apps.status import Status
from symfold.errors import SymfoldError


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(EXPERIMENTS)))
@click.option("--quick", is_flag=True, help="A small budget: to see what there is, not to conclude from.")
@click.option("--seeds", type=click.IntRange(2), help="How many seeds (10; with --quick 3).")
@click.option("--data", type=click.Path(), help="The diabetes table, if it is not examples/diabetes.csv.")
def main(names: tuple[str, ...], quick: bool, seeds: int | None, data: str | None) -> None:
    """Run the experiments of these NAMES, or all of them."""
    for name in names or tuple(EXPERIMENTS):
        experiment = EXPERIMENTS[name]
        click.echo(f"{name}: {experiment.question}")
        try:
            with Status(name):
                result = (experiment.quick if quick else experiment.full)(seeds or (3 if quick else 10), data)
        except SymfoldError as error:
            raise click.UsageError(str(error)) from None
        click.echo(f"Budget: {result.budget}.\n")
        click.echo("\n".join(f"  {line}" for line in table(result)) + "\n")
        click.echo("\n".join(f"- {sentence}" for sentence in summary(result)) + "\n")
    click.echo(CAVEAT)


if __name__ == "__main__":
    main(prog_name="python -m symfold.apps.experiments")
