/// PaSeR on a folder of images and masks: trains f3, f2, f1, the policy, and all together, compares the result with the
/// baselines of the paper, and writes a run folder with checkpoints, results.json, tables and report.html.
///
///   train_segmentation --data DIR --masks battery --preset own --out RUN
///
/// With --network f2 (or f1, f3, or a network of the registry with its settings, unet:{"width":8,"depth":3}) that
/// network alone is trained, and saved as a PaSeR of one model that segment_image and evaluate take.
///
/// Exit status: 0 done; 1 something failed; 2 the options or the data cannot be used; 3 a number in training is not
/// finite, what was saved before stays; 4 a process of several was waited for in vain; 130 interrupted: the same
/// command goes on.
///
/// mpirun -n 4 and srun make it four processes that train together and write what one writes, bit for bit; the next
/// command may have any other number (docs/cluster.md).

#include "segmentation/train.hpp"

int main(int argc, char** argv) {
  return segmentation::train(argc, argv);
}
