package android.graphics;

public final class ImageDecoder implements AutoCloseable {
  public static final int ALLOCATOR_SOFTWARE = 1;

  public abstract static class Source {}

  public static class ImageInfo {
    public android.util.Size getSize() {
      return null;
    }
  }

  public interface OnHeaderDecodedListener {
    void onHeaderDecoded(ImageDecoder decoder, ImageInfo info, Source source);
  }

  public static Source createSource(android.content.ContentResolver resolver, android.net.Uri uri) {
    return null;
  }

  public static Bitmap decodeBitmap(Source source, OnHeaderDecodedListener listener) throws java.io.IOException {
    return null;
  }

  public void setTargetSampleSize(int sampleSize) {}

  public void setAllocator(int allocator) {}

  public int getAllocator() {
    return 0;
  }

  @Override
  public void close() {}
}
