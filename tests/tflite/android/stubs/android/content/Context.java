package android.content;

public abstract class Context {
  public android.content.res.AssetManager getAssets() {
    return null;
  }

  public java.io.File getCacheDir() {
    return null;
  }

  public ContentResolver getContentResolver() {
    return null;
  }

  public String getPackageName() {
    return null;
  }

  public final String getString(int id, Object... arguments) {
    return null;
  }
}
