using System.Runtime.CompilerServices;

// Scratch on the stack is written before it is read; clearing it would cost more than some kernels.
[module: SkipLocalsInit]
