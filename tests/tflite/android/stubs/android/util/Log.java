package android.util;

public final class Log {
  public static int w(@androidx.annotation.Nullable String tag, @androidx.annotation.Nullable Throwable error) {
    return 0;
  }
}
