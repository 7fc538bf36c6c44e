"""What is compiled. The kernel always is; the modules that every prediction goes through are when a wheel is built, and
stay plain Python in an editable installation, so that what is edited is what runs."""

from __future__ import annotations

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

KERNEL = "autoship.learning.kernel"
HOT = (
    "autoship.domain.record",
    "autoship.domain.request",
    "autoship.domain.strict_json",
    "autoship.learning.approval",
    "autoship.learning.calibration",
    "autoship.learning.contexts",
    "autoship.learning.flatten",
    "autoship.learning.model",
    "autoship.learning.reasons",
    "autoship.learning.table",
    "autoship.learning.window",
    "autoship.service.answer",
    "autoship.service.residents",
    "autoship.web.cork",
    "autoship.web.traffic",
)
FLAGS = ["-O3", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"]
"""No fused multiplication and addition: it would round differently from one processor to the next."""


def extension(module: str, suffix: str) -> Extension:
    return Extension(module, [f"src/{module.replace('.', '/')}{suffix}"], extra_compile_args=FLAGS)


class Build(build_ext):
    def finalize_options(self) -> None:
        modules = [extension(KERNEL, ".pyx")]
        if not self.editable_mode:
            modules += [extension(module, ".py") for module in HOT]
        self.distribution.ext_modules = cythonize(
            modules, build_dir="build", language_level=3, compiler_directives={"annotation_typing": False}
        )
        super().finalize_options()


setup(ext_modules=[extension(KERNEL, ".pyx")], cmdclass={"build_ext": Build})
