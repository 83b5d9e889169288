exec(open('pod.py').read().split("j=b'")[0])
import sys
content=b''.join(b'%08d'%i for i in range(16384*70//8))
parts=[content[i:i+16384] for i in range(0,len(content),16384)]
w('cnt',[b'stdout P '+p for p in parts[:-1]]+[b'stdout F '+parts[-1]])
