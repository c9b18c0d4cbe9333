"""Whether two programs computed the same."""
import numpy as np

TOLERANCE = 5e-5  # of the largest value
ZOO_TOLERANCE = 1e-3  # the same, of networks of fifty layers and more
DESCENT_TOLERANCE = 2e-2  # of what the loss fell since the first step
# A batch norm over the means of two images, as DeepLabV3+ has one, makes 1 and -1 of however small a difference, and
# enlarges its rounding; the first loss must agree all the same.
ZOO_DESCENT_TOLERANCE = 0.25


def disagreement(kind, ours, theirs, zoo=False):
    """What is wrong with a peer's numbers beside paser's, in words; empty when nothing is."""
    if theirs.shape != ours.shape:
        return f"{theirs.size} numbers, paser has {ours.size}"
    if not np.isfinite(theirs).all() or not np.isfinite(ours).all():
        return "some numbers are not finite"
    if kind == "training":
        # Adam turns the rounding noise of a gradient that should be zero, such as that of a bias before an instance
        # norm, into a step of full length: losses of later steps are the same only in how far they fall.
        fall = ours[0] - ours[1:]
        error = np.abs((theirs[0] - theirs[1:]) - fall).max() / np.abs(fall).max()
        if error > (ZOO_DESCENT_TOLERANCE if zoo else DESCENT_TOLERANCE):
            return f"the loss falls differently, by {100 * error:.1f} % of the way"
        ours, theirs = ours[:1], theirs[:1]
    error = np.abs(theirs - ours).max() / np.abs(ours).max()
    return "" if error <= (ZOO_TOLERANCE if zoo else TOLERANCE) else f"the largest difference is {error:.1e} of the largest value"
