class TraceWriter:
    pass
