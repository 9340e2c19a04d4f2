"""Every mistake that is tried; each must be noticed."""

from tests.mutation import filters, paths
from tests.mutation.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = (*filters.MUTANTS, *paths.MUTANTS)
