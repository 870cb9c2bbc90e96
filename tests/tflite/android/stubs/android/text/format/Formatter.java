package android.text.format;

public final class Formatter {
  public static String formatShortFileSize(@androidx.annotation.Nullable android.content.Context context, long bytes) {
    return null;
  }
}
