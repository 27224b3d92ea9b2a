// SPDX-License-Identifier: MIT OR Apache-2.0
using System;
using System.Runtime.InteropServices;

namespace Agw
{
    /// <summary>The native library that is running. Any thread, also inside a log handler.</summary>
    public static class AgwLibrary
    {
        /// <summary>The native version this assembly was made for: 0x010203 is 1.2.3.</summary>
        internal const uint HeaderVersion = 65536;

        /// <summary>Its version, such as "1.0.0".</summary>
        /// <exception cref="DllNotFoundException">
        /// agw.dll or libagw.so is not found; this and the next two say what to do.
        /// </exception>
        /// <exception cref="BadImageFormatException">It is of another platform.</exception>
        /// <exception cref="EntryPointNotFoundException">It is another library.</exception>
        public static string Version
        {
            get { return Utf8.FromNative(NativeLibrary.Call(NativeMethods.agw_version)); }
        }

        /// <summary>Its version as a number: 0x010203 is 1.2.3.</summary>
        public static int VersionNumber
        {
            get { return (int)NativeLibrary.Call(NativeMethods.agw_version_num); }
        }

        /// <summary>Says in an English sentence what a status means and what to do.</summary>
        /// <param name="status">Any number, known or not.</param>
        public static string Describe(AgwStatus status)
        {
            return Utf8.FromNative(NativeLibrary.Call(() => NativeMethods.agw_strerror((int)status)));
        }

        /// <summary>The same major version, and not older: else calls would go astray.</summary>
        internal static void Check()
        {
            uint running = NativeLibrary.Call(NativeMethods.agw_version_num);
            if (running < HeaderVersion || running >> 16 != HeaderVersion >> 16)
            {
                uint major = HeaderVersion >> 16;
                uint minor = (HeaderVersion >> 8) & 255;
                throw new NotSupportedException(
                    $"agw's native library is {Version}; needed is {major}.{minor} or a newer {major}.x");
            }
        }
    }
}
