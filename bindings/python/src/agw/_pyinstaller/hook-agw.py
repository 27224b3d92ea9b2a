"""Run by PyInstaller when it freezes a program that imports agw: puts the shared library beside it.

Without one inside the package, as where a system has it, the frozen program looks for that.
"""

from PyInstaller.utils.hooks import collect_dynamic_libs

binaries = collect_dynamic_libs("agw")
