// SPDX-License-Identifier: MIT OR Apache-2.0
using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;

namespace Agw
{
    /// <summary>Texts that a struct points to, held in place until disposed, and then wiped.</summary>
    internal sealed class PinnedTexts : IDisposable
    {
        private readonly List<GCHandle> pins = new List<GCHandle>();

        /// <summary>The address of the text as NUL-terminated UTF-8; null has none.</summary>
        internal IntPtr Add(string text, string name)
        {
            byte[] bytes = Utf8.ToNative(text, name);
            if (bytes == null)
            {
                return IntPtr.Zero;
            }
            GCHandle pin = GCHandle.Alloc(bytes, GCHandleType.Pinned);
            pins.Add(pin);
            return pin.AddrOfPinnedObject();
        }

        public void Dispose()
        {
            foreach (GCHandle pin in pins)
            {
                byte[] bytes = (byte[])pin.Target;
                pin.Free();
                Array.Clear(bytes, 0, bytes.Length);
            }
            pins.Clear();
        }
    }
}
