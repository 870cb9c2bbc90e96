package androidx.lifecycle;

public abstract class LiveData<T> {
  @androidx.annotation.Nullable
  public T getValue() {
    return null;
  }

  public void observe(LifecycleOwner owner, Observer<? super T> observer) {}
}
