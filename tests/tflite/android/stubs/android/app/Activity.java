package android.app;

public class Activity extends android.view.ContextThemeWrapper {
  protected void onCreate(@androidx.annotation.Nullable android.os.Bundle savedInstanceState) {}

  public android.view.LayoutInflater getLayoutInflater() {
    return null;
  }

  public void setContentView(android.view.View view) {}
}
