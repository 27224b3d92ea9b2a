// SPDX-License-Identifier: MIT OR Apache-2.0
// Compiled into the library that the tests use, and only there.
using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("AgwTests")]
