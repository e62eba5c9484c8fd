"""A hint to the processor to fetch an array's element into its cache: numba has none of its own."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic


@intrinsic
def prefetch(typing_context, array, index):
    """Fetch ``array[index]`` of a one-dimensional, contiguous array; the index must be in range."""
    if not (isinstance(array, types.Array) and array.ndim == 1 and isinstance(index, types.Integer)):
        return None

    def generate(context, builder, signature, arguments):
        struct = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = context.cast(builder, arguments[1], signature.args[1], types.intp)
        pointer = cgutils.get_item_pointer(context, builder, signature.args[0], struct, [place], wraparound=False)
        raw = builder.bitcast(pointer, ir.IntType(8).as_pointer())
        number = ir.IntType(32)
        hint = builder.module.declare_intrinsic(
            "llvm.prefetch", [raw.type], ir.FunctionType(ir.VoidType(), [raw.type, number, number, number])
        )
        builder.call(hint, [raw, number(0), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(array, index), generate
