package android.graphics;

public class Canvas {
  public Canvas(Bitmap bitmap) {}

  public int save() {
    return 0;
  }

  public void restore() {}

  public void translate(float dx, float dy) {}

  public void scale(float sx, float sy) {}

  public boolean clipOutRect(RectF rect) {
    return false;
  }

  public void drawColor(int color) {}

  public void drawBitmap(Bitmap bitmap, float left, float top, @androidx.annotation.Nullable Paint paint) {}

  public void drawLine(float startX, float startY, float stopX, float stopY, Paint paint) {}

  public void drawCircle(float cx, float cy, float radius, Paint paint) {}
}
