global using System.Runtime.Intrinsics;
global using Engine.Kernels.Simd;
