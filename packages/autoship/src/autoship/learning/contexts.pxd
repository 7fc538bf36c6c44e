# What the compiler may take for granted of contexts.py.

cimport cython

cdef class Key:
    cdef public tuple paths, fields
    cdef public list named
    cdef public object index
    cdef public dict rows
    cdef public bint resting

cdef class Contexts:
    cdef public object table
    cdef public Key everything, whole
    cdef public dict singles, bags
    cdef public list combined, free, awake
    @cython.locals(keys=list, contexts=list, rows=list, indices=list, found=list, key=Key, place=int)
    cpdef find(self, object flat)
    @cython.locals(keys=list, contexts=list, rows=list, indices=list, key=Key, place=int)
    cpdef enter(self, object flat)
    @cython.locals(keys=list, contexts=list, values=dict, key=Key)
    cdef tuple _contexts(self, object flat)
