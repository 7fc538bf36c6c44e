# What the compiler may take for granted of flatten.py.

cimport cython

cdef class _Path:
    cdef str path, stem, octave, quarter, prefix, words, count
    cdef dict below
    cdef _Path elements

cdef class _Paths:
    cdef _Path _top
    cdef int _made
    cdef _Path top(self)
    cdef _Path below(self, _Path at, object name)
    cdef _Path elements(self, _Path at)

cdef _Paths _paths

@cython.locals(at=_Path, below=dict)
cdef _collect(object order, _Path above, dict values, dict bags, dict lists, list left)
@cython.locals(elements=_Path, place=_Path, inner=_Path)
cdef _collect_list(list nodes, _Path at, dict lists)
cdef list _list(dict lists, str path, _Path at)
cdef _leaf(object node)
cdef _add_list(str path, _Path at, list leaves, dict values, dict bags)
cdef _add(_Path at, object value, dict values, dict bags)
cdef _add_text(_Path at, object text, dict values, dict bags)
cdef _add_number(_Path at, object number, dict values)
cdef _add_words(_Path at, object text, dict bags)
