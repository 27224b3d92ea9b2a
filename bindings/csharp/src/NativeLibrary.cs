// SPDX-License-Identifier: MIT OR Apache-2.0
using System;

namespace Agw
{
    /// <summary>Whether the native library can be used, and if not, what to do about it.</summary>
    internal static class NativeLibrary
    {
        private static readonly bool OnWindows = Environment.OSVersion.Platform == PlatformID.Win32NT;

        private static readonly string File = OnWindows ? "agw.dll" : "libagw.so";

        private static readonly string Bits = IntPtr.Size * 8 + "-bit";

        /// <summary>
        /// Calls a function of it, perhaps the first. What the runtime throws for want of a library
        /// that fits is thrown again in the same class, with what to do.
        /// </summary>
        internal static T Call<T>(Func<T> function)
        {
            try
            {
                return function();
            }
            catch (DllNotFoundException why)
            {
                throw new DllNotFoundException(
                    $"agw's native library {File} is not found, or cannot be loaded. {Remedy}", why);
            }
            catch (BadImageFormatException why)
            {
                throw new BadImageFormatException(
                    $"The {File} that was found is not for a {Bits} process. {Remedy}", why);
            }
            catch (EntryPointNotFoundException why)
            {
                throw new EntryPointNotFoundException(
                    $"The {File} that was found is not agw's native library, or too old. {Remedy}", why);
            }
        }

        private static string Remedy
        {
            get
            {
                string rid = IntPtr.Size == 8 ? "win-x64" : "win-x86";
                string more = OnWindows
                    ? $". The NuGet package does so where AgwNativeRid is {rid}"
                    : ", or where the system looks for libraries (LD_LIBRARY_PATH, ldconfig)";
                return $"This is a {Bits} process: put the {Bits} {File} beside the program, into "
                    + $"{AppDomain.CurrentDomain.BaseDirectory}{more}.";
            }
        }
    }
}
