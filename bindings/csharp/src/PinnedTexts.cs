// SPDX-License-Identifier: MIT OR Apache-2.0
using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;

namespace Agw
{
    /// <summary>
    /// Texts on their way to the library, held in place until disposed, and then wiped: there is no
    /// other copy, for the garbage collector does not move them.
    /// </summary>
    internal sealed class PinnedTexts : IDisposable
    {
        private readonly List<GCHandle> pins = new List<GCHandle>();

        /// <summary>The address of the text as NUL-terminated UTF-8; null has none.</summary>
        internal IntPtr Add(string text, string name)
        {
            if (text == null)
            {
                return IntPtr.Zero;
            }
            byte[] room = Utf8.Room(text, name);
            GCHandle pin = GCHandle.Alloc(room, GCHandleType.Pinned);
            pins.Add(pin);
            Utf8.Fill(room, text);
            return pin.AddrOfPinnedObject();
        }

        public void Dispose()
        {
            foreach (GCHandle pin in pins)
            {
                byte[] bytes = (byte[])pin.Target;
                Array.Clear(bytes, 0, bytes.Length);
                pin.Free();
            }
            pins.Clear();
        }
    }
}
