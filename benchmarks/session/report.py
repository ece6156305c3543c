"""x"""
def section(r,m): return str(r)
def write_section(p,t): pass
