"""Checks spoken_once with messages that come twice, clicks, two voices, a worker that is killed, and a new machine."""

from coursekit.course import Wrong


class Killed(BaseException):
    """The machine is taken away; nobody can catch that."""


class Studio:
    """A voice that counts how often it had to speak, and can be killed once while it does."""

    def __init__(self, dies: bool = False) -> None:
        self.spoken: list[tuple[str, str]] = []
        self.dies = dies

    def speak(self, voice: str, text: str) -> bytes:
        if self.dies:
            self.dies = False
            raise Killed
        self.spoken.append((voice, text))
        return f"{voice} says {text}".encode()


def order(number: int, voice: str = "ann", text: str = "Good morning.") -> dict[str, str]:
    return {"id": f"m-{number}", "voice": voice, "text": text}


def deliver(answer, what: dict[str, str], bucket: dict[str, bytes], studio: Studio, why: str) -> None:
    key = answer.spoken_once(dict(what), bucket, studio.speak)
    if not isinstance(key, str) or not key.startswith("speech/"):
        raise Wrong(f"spoken_once returned {key!r}; a key of the bucket that begins with speech/ is right.")
    wanted = f"{what['voice']} says {what['text']}".encode()
    if bucket.get(key) != wanted:
        raise Wrong(f"{why} Under {key!r} lies {bucket.get(key)!r}, and {wanted!r} is right.")


def check(answer) -> None:
    bucket, studio = {}, Studio()
    deliver(answer, order(1), bucket, studio, "A first order is spoken and kept.")
    deliver(answer, order(1), bucket, studio, "The same message came a second time.")
    if len(studio.spoken) != 1:
        raise Wrong(f"One message, given out twice, was spoken {len(studio.spoken)} times: look into the bucket first.")
    deliver(answer, order(2), bucket, studio, "Somebody clicked twice.")
    if len(studio.spoken) != 1:
        raise Wrong("Two clicks are two messages: their numbers differ, what they ask for does not. Speak it once.")
    deliver(answer, order(3, voice="anna"), bucket, studio, "The same text in another voice is another sound.")
    deliver(answer, order(4, text="Good evening."), bucket, studio, "Another text is another sound.")
    deliver(answer, order(5, "an", "nGood morning."), bucket, studio, "Where the voice ends must show in the key.")
    deliver(answer, order(6, "ann-Good", "morning."), bucket, studio, "Where the voice ends must show in the key.")
    deliver(answer, order(7, "ann", "Good-morning."), bucket, studio, "Where the voice ends must show in the key.")
    deliver(answer, order(1), {}, studio, "What a worker remembers is not what the bucket holds, and this one is new.")

    bucket, studio = {}, Studio(dies=True)
    try:
        answer.spoken_once(order(1), bucket, studio.speak)
    except Killed:
        pass
    deliver(answer, order(1), bucket, studio, "A mark made before the work promises what a killed worker did not do.")
