package android.graphics;

public class Paint {
  public static final int ANTI_ALIAS_FLAG = 1;
  public static final int FILTER_BITMAP_FLAG = 2;

  public enum Style {
    FILL,
    STROKE
  }

  public Paint() {}

  public Paint(int flags) {}

  public final boolean isFilterBitmap() {
    return false;
  }

  public void setFilterBitmap(boolean filter) {}

  public int getColor() {
    return 0;
  }

  public void setColor(int color) {}

  public Style getStyle() {
    return null;
  }

  public void setStyle(Style style) {}

  public float getStrokeWidth() {
    return 0;
  }

  public void setStrokeWidth(float width) {}
}
