// The values of TIFF stacks as ImageJ reads them, in the form of tiff_values.py. Argument: the text file to write and the
// stacks, with ends of lines between them.

function size(length, unit) {
  if (unit == "cm") return 10000 * length;
  if (unit == "inch") return 25400 * length;
  if (startsWith(unit, "micron")) return length;
  if (endsWith(unit, "m")) return length;  // micrometres, by a letter that not every locale has
  exit("a pixel is measured in " + unit);
}

names = split(getArgument(), "\n");
setBatchMode(true);
text = "";
for (k = 1; k < names.length; k++) {
  open(names[k]);
  getVoxelSize(wide, high, apart, unit);
  text += "" + getWidth() + " " + getHeight() + " " + nSlices + " " + bitDepth() + " " + size(wide, unit) + " " + size(high, unit) + " " + apart + "\n";
  for (page = 1; page <= nSlices; page++) {
    setSlice(page);
    for (y = 0; y < getHeight(); y++) {
      line = "";
      for (x = 0; x < getWidth(); x++) {
        value = getPixel(x, y);
        if (bitDepth() == 24) value = value & 0xffffff;
        line += d2s(value, -8) + " ";
      }
      text += line + "\n";
    }
  }
  close();
}
File.saveString(text, names[0]);
