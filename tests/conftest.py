"""What all tests share: Hypothesis without a clock, since a busy machine is no defect of the code."""

from hypothesis import settings

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
