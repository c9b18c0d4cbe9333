"""A program that answers one request a line."""
import signal
import subprocess


class WorkerError(RuntimeError):
    pass


class Worker:
    def __init__(self, peer, command, environment, folder=None):
        self.peer = peer
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=environment, cwd=folder)

    def ask(self, *words):
        try:
            print(*words, file=self.process.stdin, flush=True)
            answer = self.process.stdout.readline().strip()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise WorkerError(f"{self.peer} stopped at the request '{' '.join(map(str, words))}'")
        if answer.startswith("error"):
            raise WorkerError(f"{self.peer}: {answer[5:].strip()}")
        return answer

    def milliseconds(self, name):
        return float(self.ask("run", name))

    def halt(self):
        """Stops the program, threads that spin while they wait for work included, until wake()."""
        self.process.send_signal(signal.SIGSTOP)

    def wake(self):
        self.process.send_signal(signal.SIGCONT)

    def close(self):
        self.wake()
        self.process.stdin.close()
        try:
            self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
