package android.widget;

public class ScrollView extends android.view.ViewGroup {}
